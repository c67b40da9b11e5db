package classify

import (
	"errors"
	"fmt"
)

// What can go wrong with a packet. The class is not assigned then, as in Kea.
var (
	ErrAddress = errors.New("classify: addrtotext of a value that is not 4 or 16 octets long")
	ErrInteger = errors.New("classify: conversion to text of a value that has not the integer's size")
	ErrLong    = errors.New("classify: value beyond its bound")
)

// What can be wrong with the definition of a class.
var (
	ErrName      = errors.New("a class needs a name")
	ErrDuplicate = errors.New("the class is defined already")
	ErrBuiltIn   = errors.New("a built-in class takes no test and cannot be left to additional lists")
	ErrSpecial   = errors.New("DROP and REJECT cannot be left to additional lists")
	ErrTwoTests  = errors.New("a class takes a test or a template-test, not both")
)

// An Error says where in the text of an expression the trouble is. Lines and
// columns count from 1, columns in octets. Its text carries no package name, since
// it is read behind the path of the expression in a configuration.
type Error struct {
	Line, Column int
	Problem      string
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Problem)
}
