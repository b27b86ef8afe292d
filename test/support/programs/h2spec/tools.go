//go:build tools

// Package tools names the program that this module is for, with all that it is built of pinned:
//
//	go build -o ~/bin/ github.com/summerwind/h2spec/cmd/h2spec
package tools

import _ "github.com/summerwind/h2spec/cmd/h2spec"
