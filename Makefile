# dhcp4o6: the targets that README.md names. Everything is built with the Go
# toolchain alone; what only `make interop` and `make bench-peers` need is named there.

GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS     := -s -w -X github.com/dhcp4o6/dhcp4o6/internal/program.Version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 10s
PEERPAIRS   ?= 5
ONLY        ?=
STORM       ?= 1000000

PREFIX      ?= /usr/local
SYSCONFDIR  ?= /etc
UNITDIR     ?= /lib/systemd/system
MANDIR      ?= $(PREFIX)/share/man
SYSUSERSDIR ?= /usr/lib/sysusers.d
DESTDIR     ?=

PROGRAMS := dhcp6d dhcp4d dhcp6c dhcp4c dhcpload dhcpctl

.PHONY: check build demo test race lint fmt vet interop storm units fuzz bench bench-peers install package clean

check: fmt vet lint build race

build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ $(addprefix ./cmd/,$(PROGRAMS))

# Leases end to end on loopback, as an ordinary user; ends by itself.
demo: build
	$(GO) run ./internal/demo -bin bin

test:
	$(GO) test ./...
	cd internal/difftest && $(GO) test ./...

race:
	$(GO) test -race ./...

fmt:
	@out=$$(gofmt -l .); test -z "$$out" || { echo "gofmt differs in:"; echo "$$out"; exit 1; }

vet:
	$(GO) vet ./...
	$(GO) vet -tags interop,bench,units ./...
	cd internal/difftest && $(GO) vet ./...

lint:
	$(GO) run $(STATICCHECK) -tags interop,bench,units ./...

# Namespaces and real peers: needs root and the Debian packages that README.md lists.
interop: build
	CI=$${CI:-true} $(GO) test -tags interop -count=1 -timeout 30m -v ./internal/interop/... ./pkg/leasecmd/...

# A million hostile packets at a running pair; `make interop` has a tenth of them.
storm: build
	cd internal/interop && CI=$${CI:-true} $(GO) test -tags interop -count=1 -timeout 30m -v -run "^TestStorm" -storm $(STORM)

# The systemd units as make install leaves them, in containers with a systemd of their own.
units: build
	CI=$${CI:-true} $(GO) test -tags interop,units -count=1 -timeout 10m -v -run "^TestUnits$$" ./internal/interop

# Every fuzz target for a short while; FUZZTIME=10m for a long one, 2000x for a number of inputs.
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Our pair and Kea's in turn, same load, same minute: needs what interop needs.
# ONLY='v4 renewals' runs the rows whose name holds that.
bench-peers: build
	cd internal/interop && $(GO) test -tags interop,bench -count=1 -timeout 90m -run "^TestBench(Peers|Scale)$$" -pairs $(PEERPAIRS) -only '$(ONLY)'

install: build
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(SYSCONFDIR)/dhcp4o6 $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(MANDIR)/man8
	install -m 0755 bin/dhcp6d bin/dhcp4d bin/dhcp6c bin/dhcp4c $(DESTDIR)$(PREFIX)/sbin/
	install -m 0755 bin/dhcpload bin/dhcpctl $(DESTDIR)$(PREFIX)/bin/
	for f in dhcp6 dhcp4; do \
		test -e $(DESTDIR)$(SYSCONFDIR)/dhcp4o6/$$f.json || \
		install -m 0644 docs/examples/$$f.json $(DESTDIR)$(SYSCONFDIR)/dhcp4o6/$$f.json; done
	for u in dhcp6d dhcp4d dhcp6c@ dhcp4c@; do \
		sed -e 's|@SBINDIR@|$(PREFIX)/sbin|' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|' systemd/$$u.service \
		> $(DESTDIR)$(UNITDIR)/$$u.service; done
	test -e $(DESTDIR)$(SYSCONFDIR)/dhcp4o6/clients.json || \
		install -m 0644 docs/examples/clients/clients.json $(DESTDIR)$(SYSCONFDIR)/dhcp4o6/clients.json
	install -m 0644 docs/man/dhcp4c.8 docs/man/dhcp6c.8 $(DESTDIR)$(MANDIR)/man8/
	install -m 0644 systemd/dhcp4o6.sysusers $(DESTDIR)$(SYSUSERSDIR)/dhcp4o6.conf

# A tarball of what `make install` lays down.
package:
	rm -rf dist && mkdir -p dist
	$(MAKE) install DESTDIR=$(CURDIR)/dist/root PREFIX=/usr
	tar -C dist/root --owner=0 --group=0 --sort=name -czf dist/dhcp4o6-$(VERSION).tar.gz .
	@echo dist/dhcp4o6-$(VERSION).tar.gz

clean:
	rm -rf bin dist
