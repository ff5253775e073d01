"""The drill: a simulated city in a system of its own, worked by people, judged by what really happened."""
