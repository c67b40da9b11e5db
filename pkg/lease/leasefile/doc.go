// Package leasefile keeps leases in Kea's lease file, made durable.
//
// The file is the one that operators know: a journal of comma separated rows,
// one for each change of a lease, the last row of an address being the truth. Its
// header holds Kea's newest columns and one column of ours, the CRC32C of the
// row. Kea reads the file, and this package reads Kea's files of every age.
//
//	address,hwaddr,client_id,valid_lifetime,expire,subnet_id,...,pool_id,crc32c
//	192.0.2.10,02:00:00:00:00:0a,01:02:00:00:00:00:0a,4000,1790000000,1,0,0,host,0,,0,82c29dc9
//
// The one idea: what Sync has returned for survives anything. Append renders a
// row into memory; Sync writes all rows of the moment with one write and one
// fdatasync. The first failure of either takes the store down, because nobody
// can tell what the end of the file holds then (a page that failed to sync once
// counts as clean afterwards). Only Rewrite heals it: a complete new file,
// synced, renamed over the old one, and the folder synced. At every moment one
// file is the whole truth.
//
// A start cuts off a torn last row before anything is appended, keeps damaged
// rows aside in a file of their own, reports them with their line numbers, and
// takes over what a clean-up of Kea's left half finished:
//
//	name               the journal
//	name.new           a complete file in the making; never read
//	name.damaged       rows that could not be read, each after a line that says why
//	name.lock          held while a daemon has the store open; names its process
//	name.2, name.1, name.completed, name.output, name.pid
//	                   Kea's clean-up; after a take-over the first three are
//	                   kept as name.2.taken-over and so on
//
// Back to Kea: it loads the file, warns that it is newer, and drops our column at
// its next clean-up. Kea 2.2 itself skips rows with a client identifier of one
// octet or with identifiers over 128 octets, and its clean-up writes line breaks
// of a host name as they are; newer ones do not.
//
// Files are made with mode 0640 less the umask, a missing folder with 0750. A
// complete new file takes over the owner, the group and the mode of the one it
// replaces, less what the mode grants to others.
package leasefile
