// Package dhcp4o6 is the root of the module; the programs are under cmd, the
// libraries under pkg. It holds no code, only the test of import levels that
// docs/architecture.md describes.
package dhcp4o6
