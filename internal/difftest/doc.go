// Package difftest holds our codecs against other people's: the DHCP packages
// of insomniacslk, gopacket's layers, and Wireshark's dissectors. Each is an
// independent reading of the same RFCs.
package difftest
