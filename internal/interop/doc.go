// Package interop holds the tests against real peers: Debian's Kea, ISC relay
// and clients, each in namespaces of the test's own. They are built with the
// tag "interop", need root, and are run by `make interop`.
package interop
