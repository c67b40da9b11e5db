// Package ddns has the DNS follow the leases: it decides which name a client goes
// by and tells Kea's update daemon, kea-dhcp-ddns, what is to stand in the DNS.
//
// Params are the operator's word, the ddns- keys of one scope. Decide makes of
// them, of what the client says of itself and of what is reserved for it the name
// of a lease, the flags of the answer (RFC 4702 §4, RFC 4704 §6) and what of the
// DNS the server looks after. That is noted in the lease, and so the lease table
// knows at every moment what stands in the DNS for a lease, over restarts too: it
// tells an Updater of every lease of which that changes.
//
//	u := ddns.New(ddns.Options{Durable: table.Durable, Commit: table.Commit})
//	table.WatchNames(u.Changed)
//	u.Configure(ddns.Config{Enable: true, Server: d2}, params)
//	go u.Run(ctx)
//
// Changed is called by the workers with the locks of a lease held, so it does
// nothing but to put what has to be said into a queue with an upper bound. The one
// goroutine of Run waits until the lease is durable, works out the DHCID (RFC
// 4701) and sends. A worker waits neither for it nor for the daemon that it speaks to.
package ddns
