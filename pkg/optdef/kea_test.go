package optdef

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// What Kea puts on the wire for the samples: the daemon runs on loopback as an
// ordinary user, and a relayed query is answered with every option, since all
// are marked always-send. Each sample has a code of its own per run, so the
// samples of one option are asked one run after the other.

func TestKea4(t *testing.T) {
	ask := func(t *testing.T, options []map[string]any) map[uint16][]byte {
		return askKea(t, "kea-dhcp4", keaConfig4(options), "127.0.0.1", discover4, parse4)
	}
	compareWithKea(t, V4, samples4, ask)
}

func TestKea6(t *testing.T) {
	ask := func(t *testing.T, options []map[string]any) map[uint16][]byte {
		return askKea(t, "kea-dhcp6", keaConfig6(options), "::1", inform6, parse6)
	}
	compareWithKea(t, V6, samples6, ask)
}

// TestKeaEncloses compares options that carry those of another space.
func TestKeaEncloses(t *testing.T) {
	tests := []struct {
		code    uint16
		options []Data
	}{
		{94, []Data{
			{Name: "s46-cont-mape"},
			{Space: "s46-cont-mape-options", Name: "s46-br", Text: "2001:db8::27"},
			{Space: "s46-cont-mape-options", Name: "s46-rule", Text: "1, 8, 24, 192.0.2.0, 2001:db8:1::/48"},
			{Space: "s46-rule-options", Name: "s46-portparams", Text: "2, 3/4"},
		}},
		{96, []Data{
			{Name: "s46-cont-lw"},
			{Space: "s46-cont-lw-options", Name: "s46-v4v6bind", Text: "192.0.2.78, 2001:db8:1:cafe::/64"},
			{Space: "s46-v4v6bind-options", Name: "s46-portparams", Text: "0, 1/6"},
		}},
	}
	for _, tt := range tests {
		s := New(V6)
		var values []Value
		var options []map[string]any
		for _, d := range tt.options {
			v, err := s.Option(d)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
			options = append(options, keaOption(V6, d.Space, d.Name, d.Text))
		}
		got, err := s.Assemble("dhcp6", values)
		if err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
		want := askKea(t, "kea-dhcp6", keaConfig6(options), "::1", inform6, parse6)
		if !bytes.Equal(got[0].Bytes, want[tt.code]) {
			t.Errorf("%d: got % x, Kea sends % x", tt.code, got[0].Bytes, want[tt.code])
		}
	}
}

// compareWithKea asks as many times as the most frequent option has samples.
func compareWithKea(t *testing.T, f Family, samples []sample, ask func(*testing.T, []map[string]any) map[uint16][]byte) {
	for len(samples) > 0 {
		var later []sample
		var options []map[string]any
		ours := map[uint16][]byte{}
		for _, sm := range samples {
			v, err := New(f).Option(Data{Space: sm.space, Name: sm.name, Text: sm.text})
			if err != nil && !errors.Is(err, ErrSurplus) {
				t.Fatal(sm.name, err)
			}
			if _, taken := ours[v.Code]; taken {
				later = append(later, sm)
				continue
			}
			ours[v.Code] = v.Bytes
			options = append(options, keaOption(f, sm.space, sm.name, sm.text))
		}
		theirs := ask(t, options)
		for code, v := range ours {
			if got, ok := theirs[code]; !ok || !bytes.Equal(got, v) {
				t.Errorf("%d: ours % x, Kea's % x (sent: %v)", code, v, got, ok)
			}
		}
		samples = later
	}
}

func keaOption(f Family, space, name, text string) map[string]any {
	if space == "" {
		space = f.Space()
	}
	return map[string]any{"space": space, "name": name, "data": text, "always-send": true}
}

func keaConfig4(options []map[string]any) map[string]any {
	return map[string]any{"Dhcp4": map[string]any{
		"interfaces-config": map[string]any{"interfaces": []string{"lo"}, "dhcp-socket-type": "udp"},
		"lease-database":    map[string]any{"type": "memfile", "persist": false},
		"option-data":       options,
		"subnet4":           []any{map[string]any{"id": 1, "subnet": "127.0.0.0/8", "pools": []any{map[string]any{"pool": "127.9.0.0/24"}}}},
		"loggers":           keaLoggers("kea-dhcp4"),
	}}
}

func keaConfig6(options []map[string]any) map[string]any {
	return map[string]any{"Dhcp6": map[string]any{
		"interfaces-config": map[string]any{"interfaces": []string{"lo/::1"}},
		"lease-database":    map[string]any{"type": "memfile", "persist": false},
		"server-id":         map[string]any{"type": "EN", "persist": false, "identifier": "01020304", "enterprise-id": 1},
		"option-data":       options,
		"subnet6":           []any{map[string]any{"id": 1, "subnet": "::1/128", "interface": "lo"}},
		"loggers":           keaLoggers("kea-dhcp6"),
	}}
}

func keaLoggers(name string) []any {
	return []any{map[string]any{"name": name, "severity": "INFO", "output_options": []any{map[string]any{"output": "stdout"}}}}
}

// askKea runs the daemon, sends it query, and takes the answer apart.
func askKea(t *testing.T, program string, config map[string]any, host string, query []byte, parse func([]byte) map[uint16][]byte) map[uint16][]byte {
	t.Helper()
	need.Programs(t, program)
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		need.Skip(t, "needs %s: %v", host, err)
	}
	defer conn.Close()
	dir := t.TempDir()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "kea.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t, host)
	_, own, _ := net.SplitHostPort(conn.LocalAddr().String())
	log := &bytes.Buffer{}
	cmd := exec.Command(program, "-c", file, "-p", port, "-P", own)
	cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	}()
	to, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, port))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65535)
	for range 100 { // until it is up
		conn.WriteTo(query, to)
		conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, _, err := conn.ReadFrom(buf); err == nil {
			return parse(buf[:n])
		}
	}
	t.Fatalf("%s does not answer", program)
	return nil
}

func freePort(t *testing.T, host string) string {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	return port
}

// discover4 is a DHCPDISCOVER relayed by 127.0.0.1 that takes any size.
var discover4 = func() []byte {
	b := make([]byte, 240)
	copy(b, []byte{1, 1, 6, 1, 0, 0, 0, 1})
	copy(b[24:], []byte{127, 0, 0, 1})
	copy(b[28:], []byte{2, 0, 0, 0, 0, 1})
	copy(b[236:], []byte{0x63, 0x82, 0x53, 0x63})
	return append(b, 53, 1, 1, 57, 2, 0xff, 0xff, 255)
}()

func parse4(b []byte) map[uint16][]byte {
	options := map[uint16][]byte{}
	for b = b[240:]; len(b) > 1 && b[0] != 255 && len(b) >= 2+int(b[1]); b = b[2+int(b[1]):] {
		code := uint16(b[0])
		options[code] = append(options[code], b[2:2+int(b[1])]...)
	}
	return options
}

// inform6 is an Information-request relayed by ::1, since Kea takes none by
// unicast.
var inform6 = func() []byte {
	message := append([]byte{11, 0, 0, 1}, 0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1)
	b := append([]byte{12, 0}, net.IPv6loopback...)
	b = append(b, net.IPv6loopback...)
	b = binary.BigEndian.AppendUint16(append(b, 0, 9), uint16(len(message)))
	return append(b, message...)
}()

func parse6(b []byte) map[uint16][]byte {
	options := map[uint16][]byte{}
	for b = b[34+4+4:]; len(b) >= 4; { // behind the Relay-reply, its one option's header, and the Reply's
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		options[binary.BigEndian.Uint16(b)] = b[4:n:n]
		b = b[n:]
	}
	return options
}
