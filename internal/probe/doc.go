// Package probe asks our two daemons every question that was put to Kea's and
// ISC's (testdata/captures/probe-*.pcap), and holds the answers to one row of a
// table each. A row names its rule: one of those below, an RFC, or "as Kea" where
// nothing better is known. What the other implementation did is read out of the
// capture and stands in the row too, so that the tables show every difference.
//
// There are only tests here. They need ::1 and no privileges.
//
// The rules, learnt from how the others behave:
//
//	 1  suboptions 60000-60002 of enterprise 2495 that come from the network are
//	    taken out at every level, an emptied option with them, and nothing else
//	 2  a receiver wants exactly one option with exactly one each of 60000 (1-15
//	    octets without NULs), 60001 (16) and 60002 (2), in any order, wherever it
//	    stands among the options, and takes out that option, not the first option 17
//	 3  the v4 side takes type 20 innermost and 12 outside, the v6 side 21 and 13
//	 4  exactly one option 87; before the pair: 240 octets, with the cookie; the
//	    DHCPv4 message type is the v4 side's check
//	 5  a daemon that is gone is noticed and told of; all goes on when it is back
//	 6  an answer goes to 60001 on the interface 60000, port 546, relayed 547, and
//	    to 60002 only if the outermost level has option 135
//	 7  4o6-subnet is compared with the datagram's source, with the relay's
//	    link-address only when nothing else matched
//	 8  Kea's choice of the subnet; giaddr and the rest only when nothing matched
//	 9  option 54 from option-data before anything else; a host without IPv4
//	    serves; a REQUEST without option 54 is taken
//	10  per relay level: hop count, addresses, 18, 135, and what option 43 asks for
//	11  flags are ignored in a query and zero in an answer, of either side
//	12  the unicast flag is no filter
//	13  giaddr, hops and the broadcast flag are given back, and steer nothing
//	14  the client identifier is given back
//	15  an INFORM is answered with and without ciaddr
//	16  DECLINE and RELEASE have no answer
//	18  no padding is demanded
//	19  no LEASEQUERY over 4o6
//	20  an answer leaves for the network only if it was asked for, and once
package probe
