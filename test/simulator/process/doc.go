// Package process starts programs that never outlive the program that started
// them: not when it stops them, not when its context ends and, on Linux, not
// when it is killed.
package process
