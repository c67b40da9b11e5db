package client4_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/client4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// A machine is told what happens, and says what is to be done. Whoever does not want
// Run's goroutines and sockets can carry that out in another way.
func ExampleMachine() {
	m := client4.New(client4.Options{
		Iface: "eth0", HWType: 1, HWAddr: []byte{2, 0, 0, 0, 0, 1},
		Rand: rand.New(rand.NewPCG(1, 2)),
	})
	now := time.Now()
	m.Step(now, client4.Start{})
	for _, a := range m.Step(now, client4.Ready{Up: true}) {
		switch a := a.(type) {
		case client4.Send:
			var q dhcp4.Message
			if err := q.Parse(a.Data); err != nil {
				panic(err)
			}
			fmt.Println("send a", q.Type(), "to", a.To)
		case client4.Arm:
			if !a.At.IsZero() {
				fmt.Println("come back in", a.At.Sub(now).Round(4*time.Second))
			}
		}
	}
	fmt.Println("in", m.State())
	// Output:
	// send a DHCPDISCOVER to 255.255.255.255
	// come back in 4s
	// in SELECTING
}
