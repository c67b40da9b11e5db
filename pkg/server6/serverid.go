package server6

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/wholefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// ServerIDFile is the name of Kea's file of the server's DUID; ours is the same,
// beside the lease file, so that a server taking over from Kea keeps its identity.
const ServerIDFile = "kea-dhcp6-serverid"

// keaEnterprise is the number of a DUID-EN where the operator names none, as in
// Kea: that of ISC.
const keaEnterprise = 2495

var errServerID = errors.New("not a DUID in hexadecimal")

// LoadServerID returns the server's DUID: the one in the file name, as far as the
// configuration does not want another, else a new one, which is written there and
// is on disk when LoadServerID returns. The kind is the configured one; else
// DUID-LLT where a link has a hardware address, and DUID-UUID where none has
// (RFC 9915 §11). Nothing is read or written where the configuration says
// "persist": false. A file that cannot be understood is an error and stays as it
// is: a new identity would cut off every client until it rebinds.
func LoadServerID(name string, c config.ServerID, links []netif.Interface, now time.Time) (dhcp6.DUID, error) {
	if !c.Persist {
		return newServerID(nil, c, links, now)
	}
	old, err := readServerID(name)
	if err != nil {
		return nil, fmt.Errorf("server6: read server identifier %q: %w", name, err)
	}
	duid, err := newServerID(old, c, links, now)
	if err != nil || bytes.Equal(duid, old) {
		return duid, err
	}
	if err := writeServerID(name, duid); err != nil {
		return nil, fmt.Errorf("server6: write server identifier: %w", err)
	}
	return duid, nil
}

// readServerID returns the DUID in a file, nil where there is no file.
func readServerID(name string) (dhcp6.DUID, error) {
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(text)), ":", ""))
	if err != nil {
		return nil, errServerID
	}
	duid, err := dhcp6.ParseDUID(b)
	if err != nil {
		return nil, errServerID
	}
	return duid, nil
}

// writeServerID puts the DUID into a file as Kea does, the octets in hexadecimal
// with colons between them. The file is replaced as a whole or not at all.
func writeServerID(name string, d dhcp6.DUID) error {
	return wholefile.Write(name, []byte(d.String()), 0o644)
}

// newServerID returns the DUID that the configuration wants. What it leaves open
// is taken from the old one where that is of the same kind.
func newServerID(old dhcp6.DUID, c config.ServerID, links []netif.Interface, now time.Time) (dhcp6.DUID, error) {
	switch c.Type {
	case "LLT":
		return newLLT(old, c, links, now)
	case "LL":
		return newLL(old, c, links)
	case "EN":
		return newEN(old, c)
	case "":
	default:
		return nil, fmt.Errorf("server6: server identifier of unknown type %q", c.Type)
	}
	if old != nil {
		return old, nil
	}
	if d, err := newLLT(nil, c, links, now); err == nil {
		return d, nil
	}
	var uuid [16]byte
	rand.Read(uuid[:])
	uuid[6], uuid[8] = uuid[6]&0x0f|0x40, uuid[8]&0x3f|0x80 // random, as RFC 9562 §5.4 marks it
	return dhcp6.NewDUIDUUID(uuid), nil
}

var errNoHWAddr = errors.New("server6: no link has a hardware address for the server identifier; name one, or use type EN")

func newLLT(old dhcp6.DUID, c config.ServerID, links []netif.Interface, now time.Time) (dhcp6.DUID, error) {
	hwType, addr, at := c.HType, c.Identifier, now
	if c.Time != 0 {
		at = epoch.Add(time.Duration(c.Time) * time.Second)
	}
	if old.Type() == dhcp6.DUIDLLT {
		t, a, ok := old.HWAddr()
		same := ok && (hwType == 0 || hwType == t) && (addr == nil || bytes.Equal(addr, a))
		if same && (c.Time == 0 || bytes.Equal(dhcp6.NewDUIDLLT(t, at, a), old)) {
			return old, nil
		}
	}
	hwType, addr, err := hardware(hwType, addr, links)
	if err != nil {
		return nil, err
	}
	return dhcp6.NewDUIDLLT(hwType, at, addr), nil
}

// epoch is where the time in a DUID-LLT begins (RFC 9915 §11.2).
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newLL(old dhcp6.DUID, c config.ServerID, links []netif.Interface) (dhcp6.DUID, error) {
	if old.Type() == dhcp6.DUIDLL {
		t, a, ok := old.HWAddr()
		if ok && (c.HType == 0 || c.HType == t) && (c.Identifier == nil || bytes.Equal(c.Identifier, a)) {
			return old, nil
		}
	}
	hwType, addr, err := hardware(c.HType, c.Identifier, links)
	if err != nil {
		return nil, err
	}
	return dhcp6.NewDUIDLL(hwType, addr), nil
}

// hardware returns the hardware address to make a DUID of: the configured one,
// else that of the first link that has one; such a link is preferred to be a
// real one over those that only look like Ethernet, which the order of their
// indexes mostly gives.
func hardware(hwType uint16, addr []byte, links []netif.Interface) (uint16, []byte, error) {
	if addr != nil {
		if hwType == 0 {
			hwType = hwEthernet
		}
		return hwType, addr, nil
	}
	for i := range links {
		l := &links[i]
		if l.Loopback || len(l.HWAddr) < 6 || allZero(l.HWAddr) || hwType != 0 && l.HWType != hwType {
			continue
		}
		return l.HWType, l.HWAddr, nil
	}
	return 0, nil, errNoHWAddr
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func newEN(old dhcp6.DUID, c config.ServerID) (dhcp6.DUID, error) {
	id, enterprise := c.Identifier, c.EnterpriseID
	if old.Type() == dhcp6.DUIDEN && len(old) > 6 {
		same := enterprise == 0 || bytes.Equal(dhcp6.NewDUIDEN(enterprise, nil), old[:6])
		if same && (id == nil || bytes.Equal(id, old[6:])) {
			return old, nil
		}
	}
	if enterprise == 0 {
		enterprise = keaEnterprise
	}
	if id == nil {
		id = make([]byte, 8)
		rand.Read(id)
	}
	return dhcp6.NewDUIDEN(enterprise, id), nil
}
