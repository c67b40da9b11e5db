package clientd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// printJSON prints the answers of all clients as one list.
func printJSON(out io.Writer, all []json.RawMessage) error {
	if all == nil {
		all = []json.RawMessage{}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(out, "%s\n", text)
	}
	return err
}

// printStatus prints for people how one client stands:
//
//	dhcp4c on eth0: BOUND since 2026-01-02 15:04:05, next at 15:34:05
//	  address   192.0.2.7/24
//	  server    192.0.2.1
func printStatus(out io.Writer, text json.RawMessage) error {
	var p picture
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("the client's answer cannot be read: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s: %s", p.Client, p.Interface, p.State)
	if !p.Since.IsZero() {
		fmt.Fprintf(&b, " since %s", clock(p.Since))
	}
	if !p.Next.IsZero() {
		fmt.Fprintf(&b, ", next at %s", clock(p.Next))
	}
	b.WriteByte('\n')
	printLease(&b, p.Lease)
	_, err := io.WriteString(out, printable(b.String()))
	return err
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// unsaid are the members of a record that tell people nothing.
var unsaid = []string{"version", "interface", "message", "hardware-type", "client-id", "hardware-address", "key"}

// printLease prints a record member by member, in the order in which it came;
// what is in a member that holds others stands indented under it.
func printLease(b *strings.Builder, record json.RawMessage) {
	for _, m := range members(record) {
		if !skips(m.name) {
			printMember(b, "  ", m.name, m.value)
		}
	}
}

func skips(name string) bool {
	for _, u := range unsaid {
		if u == name {
			return true
		}
	}
	return false
}

func printMember(b *strings.Builder, indent, name string, value json.RawMessage) {
	value = bytes.TrimSpace(value)
	switch {
	case len(value) == 0:
	case value[0] == '{':
		fmt.Fprintf(b, "%s%s\n", indent, name)
		for _, m := range members(value) {
			printMember(b, indent+"  ", m.name, m.value)
		}
	case value[0] == '[':
		var list []json.RawMessage
		if json.Unmarshal(value, &list) != nil {
			return
		}
		for _, e := range list {
			printMember(b, indent, name, e)
		}
	default:
		fmt.Fprintf(b, "%s%-16s  %s\n", indent, name, scalar(value))
	}
}

// scalar is a value as people read it: text without quotes, times in local time.
func scalar(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return string(value)
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return clock(t)
	}
	return s
}

type member struct {
	name  string
	value json.RawMessage
}

// members takes a map apart, in order.
func members(text json.RawMessage) (out []member) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return out
		}
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return out
		}
		name, _ := key.(string)
		out = append(out, member{name, v})
	}
	return out
}

// printable takes out what would steer a terminal: parts of it are a server's words.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
