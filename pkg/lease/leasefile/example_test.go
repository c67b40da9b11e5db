package leasefile_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
)

// A lease that Sync has returned for is there after any kind of end.
func Example() {
	dir, err := os.MkdirTemp("", "leases")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "kea-leases4.csv")

	f, err := leasefile.Open(name, leasefile.Options{Family: leasefile.V4})
	if err != nil {
		log.Fatal(err)
	}
	each := func(c lease.Change) error {
		fmt.Println(c.Lease.Resource.Prefix.Addr(), c.Lease.Hostname)
		return nil
	}
	if err := f.Load(context.Background(), each); err != nil {
		log.Fatal(err)
	}
	f.Append(lease.Change{Lease: &lease.Lease{
		Resource: lease.Resource{Prefix: netip.MustParsePrefix("192.0.2.10/32")},
		ClientID: []byte{1, 2, 0, 0, 0, 0, 0x0a},
		Start:    time.Unix(1790000000, 0),
		Valid:    4000 * time.Second,
		Subnet:   1,
		Hostname: "printer",
	}})
	if _, err := f.Sync(); err != nil {
		log.Fatal(err)
	}
	text, _ := os.ReadFile(name)
	fmt.Print(string(text))
	f.Close()
	// Output:
	// address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id,crc32c
	// 192.0.2.10,,01:02:00:00:00:00:0a,4000,1790004000,1,0,0,printer,0,,0,407a81a8
}
