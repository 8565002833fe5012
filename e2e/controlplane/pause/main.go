// Command pause holds the namespaces of a pod: it waits for the signal to leave, and reaps what lost its parent.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	heard := make(chan os.Signal, 8)
	signal.Notify(heard, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for each := range heard {
		if each != syscall.SIGCHLD {
			return
		}
		reap()
	}
}

func reap() {
	for {
		if child, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); child <= 0 || err != nil {
			return
		}
	}
}
