// Package program is what every program of ours needs that runs for long, server
// or client: the loggers of its configuration, which a reload changes over, its
// version, and a word to the service manager.
package program
