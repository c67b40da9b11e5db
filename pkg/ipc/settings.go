package ipc

// SetPad changes Options.Pad from the next Write on.
func (c *Conn) SetPad(on bool) { c.pad.Store(on) }

// SetOwners changes Options.Owners from the next batch on; whether there is
// anything to be asked at all is settled when a port is opened.
func (c *Conn) SetOwners(allowed func(uid uint32) bool) { c.owners.Store(&allowed) }

// SetDialect changes Options.Dialect from the next message on.
func (c *Conn) SetDialect(d Dialect) { c.dialect.Store(uint32(d)) }

// Dialect returns what the v6 side speaks.
func (c *Conn) Dialect() Dialect { return Dialect(c.dialect.Load()) }

// SetAuth changes Options.Auth from the next message on. What has come before
// is remembered. Without a key the mode has to be AuthOff.
func (c *Conn) SetAuth(a Auth) {
	if len(a.Keys) == 0 && a.Mode != AuthOff {
		panic("ipc: authentication without a key")
	}
	c.checks.Store(newRing(a))
	c.signs.Store(newRing(a))
}

// Checked reports whether the host tells who holds the peer's port, so that
// Options.Owners has an effect. It is false while the pair is off.
func (c *Conn) Checked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.socket != nil && c.socket.guard.reads != nil
}
