#!/bin/bash
# Prints the emcc to use: one from 3.1.69 on the PATH, else the local toolchain's, whether it is there yet or not.
if path=$(command -v emcc); then
  version=$("$path" --version | sed -nE '1s/.* ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p')
  if [ "$(printf '%s\n3.1.69\n' "$version" | sort -V | head -1)" = 3.1.69 ]; then echo "$path"; exit; fi
fi
echo "$PWD/.toolchain/bin/emcc"
