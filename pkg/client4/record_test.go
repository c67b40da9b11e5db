package client4

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// someRecord is the record of a lease that was got at a time.
func someRecord(t testing.TB) *Record {
	b := bound(t, []edit{with(15, []byte("example.net")...), with(58, 0, 0, 7, 8), with(59, 0, 0, 0x0c, 0x4e)})
	return b.record
}

// TestRecordIsReadable: what stands in the file.
func TestRecordIsReadable(t *testing.T) {
	r := someRecord(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r.Rebind, r.Renew, r.Expire = at.Add(r.Rebind.Sub(r.Acquired)), at.Add(r.Renew.Sub(r.Acquired)), at.Add(r.Expire.Sub(r.Acquired))
	r.Acquired, r.Message = at, []byte{1, 2, 3}
	got, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "version": 1,
  "interface": "eth0",
  "hardware-type": 1,
  "hardware-address": "02:00:00:00:00:0a",
  "client-id": "ff:00:00:00:01:00:04:00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f",
  "address": "192.0.2.77/24",
  "server": "192.0.2.1",
  "acquired": "2026-01-02T03:04:05Z",
  "renew": "2026-01-02T03:34:05Z",
  "rebind": "2026-01-02T03:56:35Z",
  "expire": "2026-01-02T04:04:05Z",
  "options": {
    "dhcp-client-identifier": "0xff000000010004000102030405060708090a0b0c0d0e0f",
    "dhcp-lease-time": "3600",
    "dhcp-message-type": "5",
    "dhcp-rebinding-time": "3150",
    "dhcp-renewal-time": "1800",
    "dhcp-server-identifier": "192.0.2.1",
    "domain-name": "example.net",
    "routers": "192.0.2.1",
    "subnet-mask": "255.255.255.0"
  },
  "message": "AQID"
}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFile: what was saved is loaded, in one step replaced, and forgotten.
func TestFile(t *testing.T) {
	f := NewFile(filepath.Join(t.TempDir(), "dhcp4c.eth0.json"))
	if r, err := f.Load(); r != nil || err != nil {
		t.Errorf("no file: %v, %v", r, err)
	}
	if err := f.Save(nil); err != nil {
		t.Errorf("forgetting nothing: %v", err)
	}
	want := someRecord(t)
	for range 2 {
		if err := f.Save(want); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := f.Load(); err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("%v\n%+v, want\n%+v", err, r, want)
	}
	if names, _ := os.ReadDir(filepath.Dir(f.name)); len(names) != 1 {
		t.Errorf("files are left: %v", names)
	}
	if err := f.Save(nil); err != nil {
		t.Error(err)
	}
	if r, err := f.Load(); r != nil || err != nil {
		t.Errorf("forgotten: %v, %v", r, err)
	}
	bad := NewFile(filepath.Join(t.TempDir(), "no", "such", "folder"))
	if bad.Save(want) == nil {
		t.Error("no folder is no error")
	}
	if err := os.WriteFile(f.name, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Load(); err == nil || !strings.Contains(err.Error(), f.name) {
		t.Errorf("half a file: %v", err)
	}
}

// TestRecordsThatAreNone: a file that says something else is not believed.
func TestRecordsThatAreNone(t *testing.T) {
	for name, spoil := range map[string]func(r *Record){
		"version":    func(r *Record) { r.Version = 2 },
		"no message": func(r *Record) { r.Message = nil },
		"an offer": func(r *Record) {
			r.Message = []byte(strings.Replace(string(r.Message), "\x35\x01\x05", "\x35\x01\x02", 1))
		},
		"another address":  func(r *Record) { r.Address = someRecord(t).Address.Masked() },
		"no time":          func(r *Record) { r.Acquired = time.Time{} },
		"ends at once":     func(r *Record) { r.Expire = r.Acquired },
		"a server of IPv6": func(r *Record) { r.Server = netip.MustParseAddr("2001:db8::1") },
		"an endless reply": func(r *Record) { r.Message = make([]byte, maxRecord) },
	} {
		r := someRecord(t)
		spoil(r)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseRecord(b); !errors.Is(err, ErrRecord) && !errors.Is(err, ErrVersion) {
			t.Errorf("%s: %v", name, err)
		}
		if r.Settings() != nil {
			t.Errorf("%s: has settings", name)
		}
	}
	if s := someRecord(t).Settings(); s == nil || s.Domain != "example.net" || len(s.Routes) != 1 {
		t.Errorf("settings of a good one: %+v", s)
	}
}
