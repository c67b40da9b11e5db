// Package control takes Kea's management commands, on a UNIX socket or by HTTP,
// and hands each to whoever has registered it. It knows none of them itself but
// list-commands.
//
// A command is one JSON object, {"command": "config-get", "arguments": {...}},
// in Kea's dialect: comments are allowed. Its answer is one object,
// {"result": 0, "text": "...", "arguments": ...}; by HTTP it stands in a list.
// Codes and texts are those of Kea 2.2.0 wherever Kea has one.
//
//	r := &control.Registry{Service: "dhcp4"}
//	r.Handle("version-get", func(context.Context, json.RawMessage) control.Result {
//		return control.Result{Text: "1.0"}
//	})
//	s, err := control.Listen(control.Options{Registry: r, Sockets: []control.Socket{{Path: "/run/dhcp4d/control"}}})
//	...
//	s.Close()
//
// Whoever may open a socket is served, so everything about a request is bounded:
// its size, its depth, the time that it takes to arrive and its answer to be
// read, the number of connections, of commands that run at once, and the memory
// of all of them together. What goes wrong with one connection ends there.
package control
