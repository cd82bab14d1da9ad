"""The Python door: what `import weft` offers."""
