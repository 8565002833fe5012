"""The only room that changes the world: status, Experiment, Events. Every write is compare-and-swap."""
