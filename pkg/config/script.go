package config

// A Script is what the library run_script of hooks-libraries asks for.
type Script struct {
	Name string // of the program, as it is written
	Sync bool   // it is to be waited for, which is not done, as in Kea
}

// script reads the parameters of run_script.
func (c *compiler) script(n *node) {
	if c.cfg.Script != nil {
		c.errorf(n.get("library"), "the library run_script stands here twice")
		return
	}
	s := new(Script)
	switch m := n.get("parameters").get("name"); {
	case m == nil:
		c.errorf(n, "the library run_script needs the parameter \"name\", the program to run")
		return
	case m.kind != kString || m.str == "":
		c.errorf(m, "has to be a string, the program to run")
		return
	default:
		s.Name = m.str
	}
	if s.Sync = c.flag(n.get("parameters"), "sync"); s.Sync {
		c.warnf(n.get("parameters").get("sync"), "the program is not waited for, as with Kea")
	}
	c.cfg.Script = s
}
