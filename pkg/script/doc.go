// Package script runs an operator's program for what happens to leases, with the
// environment that Kea's run_script library gives it, so that the same program
// serves both.
//
// Who tells of an event renders it into an [Env] and hands it to a [Runner],
// which never makes anybody wait: the program runs apart from the packets,
// bounded in number and time. What does not fit is dropped and counted.
//
//	r := script.New(script.Options{Program: "/usr/share/kea/scripts/leases.sh"})
//	go r.Run(ctx)
//	var e script.Env
//	e.Lease4("LEASE4", &lease)
//	r.Start("lease4_expire", e.Vars())
package script
