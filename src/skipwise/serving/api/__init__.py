"""The routes: the API of Skipwise, the Open Inference Protocol, health, metrics and their description."""
