"""The plan that `weft init` writes, in each format: the same tasks in all three."""

from __future__ import annotations

YAML = """\
# A plan for Weft. Try:
#   weft check    look for mistakes
#   weft graph    draw what depends on what
#   weft run      run it

max_concurrent: 4              # at most four tasks at once; `weft run -j 8` overrides it

limits:
  counter: 2                   # a limit that tasks share: two units in all

tasks:                         # the order written is program order
  greet: echo "three words are looked at"

  letters:
    each:                      # one task for each value: letters[apple], letters[banana], ...
      word: [apple, banana, cherry]    # files, too: {file: "docs/*.md"}
    run: printf '%s\\n' {word} | fold -w1 | sort -u    # {word} is quoted for the shell already
    needs: greet               # starts when `greet` has succeeded
    limits: {counter: 1}       # takes one unit while it runs
    result: lines              # standard output is the result, here a list of lines

  show:
    needs: letters             # all of them; their results are in the folder $WEFT_RESULTS
    run: |
      for file in "$WEFT_RESULTS"/0*.json; do
        cat "$file"
        echo
      done

aggregates:
  common:                      # the letters that at least half of the words have
    from: letters
    strategy: frequency
    threshold: 50%
"""

TOML = """\
# A plan for Weft. Try:
#   weft check    look for mistakes
#   weft graph    draw what depends on what
#   weft run      run it

max_concurrent = 4             # at most four tasks at once; `weft run -j 8` overrides it
limits.counter = 2             # a limit that tasks share: two units in all

[tasks]                        # the order written is program order
greet = 'echo "three words are looked at"'

[tasks.letters]
each = { word = ["apple", "banana", "cherry"] }  # one task for each; files, too: { file = "docs/*.md" }
run = '''printf '%s\\n' {word} | fold -w1 | sort -u'''  # {word} is quoted for the shell already
needs = "greet"                # starts when `greet` has succeeded
limits = { counter = 1 }       # takes one unit while it runs
result = "lines"               # standard output is the result, here a list of lines

[tasks.show]
needs = "letters"              # all of them; their results are in the folder $WEFT_RESULTS
run = '''
for file in "$WEFT_RESULTS"/0*.json; do
  cat "$file"
  echo
done
'''

[aggregates.common]            # the letters that at least half of the words have
from = "letters"
strategy = "frequency"
threshold = "50%"
"""

JSON = r"""{
  "max_concurrent": 4,
  "limits": {"counter": 2},
  "tasks": {
    "greet": "echo \"three words are looked at\"",
    "letters": {
      "each": {"word": ["apple", "banana", "cherry"]},
      "run": "printf '%s\\n' {word} | fold -w1 | sort -u",
      "needs": "greet",
      "limits": {"counter": 1},
      "result": "lines"
    },
    "show": {
      "needs": "letters",
      "run": "for file in \"$WEFT_RESULTS\"/0*.json; do\n  cat \"$file\"\n  echo\ndone\n"
    }
  },
  "aggregates": {
    "common": {"from": "letters", "strategy": "frequency", "threshold": "50%"}
  }
}
"""
