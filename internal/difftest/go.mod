// Tests that need other people's implementations, kept apart so that users of
// pkg/ do not inherit them.
module github.com/dhcp4o6/dhcp4o6/internal/difftest

go 1.26.0

replace github.com/dhcp4o6/dhcp4o6 => ../..

require (
	github.com/dhcp4o6/dhcp4o6 v0.0.0
	github.com/google/gopacket v1.1.19
	pgregory.net/rapid v1.3.0
)

require (
	github.com/insomniacslk/dhcp v0.0.0-20260901064844-234b97448fae
	github.com/josharian/native v1.1.0 // indirect
	github.com/pierrec/lz4/v4 v4.1.14 // indirect
	github.com/u-root/uio v0.0.0-20230220225925-ffce2a382923 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
