//go:build interop && bench

package interop

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"time"
)

// A town is clients that hold a lease each, in a pool of which they
// fill nine tenths: every tenth address is free, and clients have theirs in no
// order.
type town struct{ leases, of int } // of: what the pool is made for

// stride is prime and larger than any town: i * stride runs through all of it.
const stride = 15_485_863

// mac is what dhcpload calls its first client when it is told nothing.
const townMAC = "02:00:5e:10:00:00"

// strangers is a first client who is not in a town.
const strangers = "02:01:00:00:00:00"

// place is the number in the pool of a client's address.
func (c town) place(client int) uint32 {
	i := client * stride % c.of
	return uint32(i + i/9)
}

// last is the number of the pool's last address.
func (c town) last() uint32 { return uint32(c.of + c.of/9) }

// pools sets the bench's pools.
func (c town) pools(b *bench) {
	b.pool4 = fmt.Sprintf("%v - %v", addr4(0), addr4(c.last()))
	b.pool6 = fmt.Sprintf("%v - %v", addr6(0), addr6(c.last()))
}

func addr4(n uint32) netip.Addr {
	n += 10<<24 | 1<<16
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func addr6(n uint32) netip.Addr {
	a := netip.MustParseAddr(clientNet + "1:0:0").As16()
	a[12], a[13], a[14], a[15] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return netip.AddrFrom16(a)
}

const (
	csv4 = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n"
	csv6 = "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context,hwtype,hwaddr_source\n"
)

// write writes the town's leases as Kea 2.2 does, for clients as dhcpload makes
// them.
func (c town) write(name string, v int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	expire := time.Now().Add(24 * time.Hour).Unix()
	w.WriteString(map[int]string{4: csv4, 6: csv6}[v])
	for i := range c.leases {
		n := uint32(0x5e100000) + uint32(i)
		mac := fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", n>>24, n>>16&0xff, n>>8&0xff, n&0xff)
		if v == 4 {
			fmt.Fprintf(w, "%v,%s,01:%s,86400,%d,1,0,0,,0,\n", addr4(c.place(i)), mac, mac, expire)
			continue
		}
		fmt.Fprintf(w, "%v,00:03:00:01:%s,86400,%d,1,43200,0,1,128,0,0,,,0,,,\n", addr6(c.place(i)), mac, expire)
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
