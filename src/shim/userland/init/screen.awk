# Draws the boot screen: one frame of a Linux console, every line at its place, so that it is redrawn without flicker.
#
#   F <tab> name <tab> value                            what is known: model, serial, mac, address, server, code ...
#   S <tab> stage <tab> state <tab> seconds <tab> detail <tab> fix
#
#   awk -v columns=80 -v rows=30 -v messages=3 -f screen.awk
#
# No line end is written: the last `messages` rows scroll by themselves, they belong to the kernel. Marks are words and
# brightness first, colour second: red and green look alike to many.

BEGIN {
  FS = "\t"
  PLAIN = "\033[0m"; BRIGHT = "\033[1;37m"; BAR = "\033[0;30;47m"; NOW = "\033[1;33m"; DIM = "\033[0;37m"
  STOP = "\033[1;37;41m"; DOT = "\033[47;107m"
  split("kernel network parameters login kexec root handover", order, " ")
  title["kernel"] = "Boot shim"; title["network"] = "Network"
  title["parameters"] = "Choice of disk"; title["login"] = "Disk over iSCSI"; title["root"] = "Root file system"
  title["handover"] = "Start of the system"; title["kexec"] = "The disk's own kernel"
  # Hex digits, five dots wide and seven high; each number is a row.
  letters("0", "14 17 19 21 25 17 14"); letters("1", "4 12 4 4 4 4 14"); letters("2", "14 17 1 2 4 8 31")
  letters("3", "31 2 4 2 1 17 14"); letters("4", "2 6 10 18 31 2 2"); letters("5", "31 16 30 1 1 17 14")
  letters("6", "6 8 16 30 17 17 14"); letters("7", "31 1 2 4 8 8 8"); letters("8", "14 17 17 14 17 17 14")
  letters("9", "14 17 17 15 1 2 12"); letters("A", "14 17 17 31 17 17 17"); letters("B", "30 17 17 30 17 17 30")
  letters("C", "14 17 16 16 16 17 14"); letters("D", "28 18 17 17 17 18 28"); letters("E", "31 16 16 30 16 16 31")
  letters("F", "31 16 16 30 16 16 16")
  width = columns - 4
}

$1 == "F" { fact[$2] = $3 }
$1 == "S" { state[$2] = $3; seconds[$2] = $4; detail[$2] = $5; fix[$2] = $6 }

END {
  last = rows - messages - 1
  printf "\0337"
  line = 0
  put(BAR, spread(" pinetboot", (fact["model"] == "" ? "" : fact["model"] " "), columns))
  blank()
  known("Serial", fact["serial"], "Address", fact["address"])
  known("Code", fact["code"], "MAC", fact["mac"])
  known("Server", fact["server"], fact["target"] == "" ? "" : "Disk", fact["target"])
  blank()
  draw_stages()
  put(DIM, rule())
  if (fact["failed"] != "") draw_failure()
  else if (fact["choose"] != "") draw_choice()
  else if (fact["note"] != "") draw_note()
  while (line < last) put(PLAIN, "")
  at(last + 1); printf "%s\033[K%s%s", DIM, rule(), PLAIN
  printf "\0338"
}

function at(row) { printf "\033[%d;1H", row }

# put(COLOUR, TEXT): the next line, cut at the screen's edge; the rest of the line is cleared.
function put(colour, text) { draw(colour cut(text, columns)) }

# draw(TEXT): the next line, of text that fits and has colours in it.
function draw(text) {
  if (line >= last) return
  at(++line)
  # Cleared first: after a line that is full the cursor stands on its last cell.
  printf "%s\033[K%s%s", PLAIN, text, PLAIN
}

# Blank lines are a luxury of screens that have room.
function blank() { if (rows >= 28) put(PLAIN, "") }

function cut(text, most) { return length(text) > most ? substr(text, 1, most - 1) "~" : text }

function spread(left, right, most,    gap) {
  gap = most - length(left) - length(right)
  return gap < 1 ? cut(left, most) : left repeat(" ", gap) right
}

function repeat(text, times,    all) {
  for (all = ""; times > 0; times--) all = all text
  return all
}

function rule() { return " " repeat("-", columns - 2) }

# Two facts a line on the left and on the right, or one below the other where there is no room.
function known(name, value, other, text,    left) {
  left = sprintf("  %-8s %s", name, value == "" ? "-" : value)
  if (other == "") return put(PLAIN, left)
  if (length(left) > columns / 2 - 2) { put(PLAIN, left); left = "" }
  put(PLAIN, sprintf("%-" int(columns / 2) "s%-8s %s", left, other, text == "" ? "-" : text))
}

function draw_stages(    i, stage) {
  if (fact["mode"] == "usb") title["handover"] = "Disk over USB"
  for (i = 1; i in order; i++) {
    stage = order[i]
    if (!(stage in state)) {
      if (stage == "kexec") continue
      if ("kexec" in state && (stage == "root" || stage == "handover")) continue
      if (fact["mode"] == "usb" && stage == "root") continue
    }
    draw_stage(stage)
  }
}

function draw_stage(stage,    words, room, time, now, mark) {
  now = stage in state ? state[stage] : ""
  time = seconds[stage] == "" ? "" : sprintf("%.1f s ", seconds[stage])
  room = columns - 35 - length(time)
  words = room > 0 ? sprintf("%-" room "s", cut(detail[stage], room - 1)) time : ""
  # A stage that is over says so; what it said on its way is of no more use.
  if (now == "ok") mark = PLAIN "  [ " BRIGHT "ok" PLAIN " ] "
  else if (now == "fail") mark = "  " STOP "[STOP]" PLAIN BRIGHT " "
  else if (now != "") mark = "  " NOW "[ >> ] "
  else mark = DIM "  [    ] "
  draw(mark sprintf("%-23s  ", title[stage]) PLAIN words)
}

function draw_failure() {
  put(STOP, spread(" STOPPED: " title[fact["failed"]], (fact["retry"] == "" ? "trying again now " : "trying again in " fact["retry"] " s "), columns))
  blank()
  paragraph(BRIGHT, fact["problem"])
  if (fact["remedy"] != "") {
    blank()
    put(NOW, "  What to do:")
    paragraph(PLAIN, fact["remedy"])
  }
  if (fact["tries"] > 1) { blank(); put(DIM, "  Tried " fact["tries"] " times. It goes on by itself once that is mended.") }
  else { blank(); put(DIM, "  It goes on by itself once that is mended.") }
}

function draw_note() {
  put(NOW, "  Waiting")
  blank()
  paragraph(BRIGHT, fact["note"])
  if (fact["advice"] == "") return
  blank()
  put(NOW, "  What to do:")
  paragraph(PLAIN, fact["advice"])
}

function draw_choice() {
  put(NOW, "  Choose an image for this Pi")
  paragraph(BRIGHT, fact["choose"])
  blank()
  if (line + 9 <= last) draw_code()
  else put(BRIGHT, "  This Pi is  " fact["code"])
  blank()
  put(DIM, "  It starts the moment that you have chosen.")
}

# Words of at most a line's width, as many lines as they need.
function paragraph(colour, text,    words, n, i, now) {
  n = split(text, words, " ")
  now = ""
  for (i = 1; i <= n; i++) {
    if (now != "" && length(now) + 1 + length(words[i]) > width) { put(colour, "  " now); now = "" }
    # An address or a path that is longer than a line goes on in the next.
    while (length(words[i]) > width) { put(colour, "  " substr(words[i], 1, width)); words[i] = substr(words[i], width + 1) }
    now = now (now == "" ? "" : " ") words[i]
  }
  if (now != "") put(colour, "  " now)
}

function letters(letter, dots) { shape[letter] = dots }

function draw_code(    row, text, i, k, dots, n) {
  for (row = 1; row <= 7; row++) {
    text = "   "
    for (i = 1; i <= length(fact["code"]); i++) {
      split(shape[substr(fact["code"], i, 1)], dots, " ")
      n = dots[row] + 0
      for (k = 16; k >= 1; k /= 2) {
        # A dot is two cells, which are twice as high as wide; grey, or white on a console that has bright backgrounds.
        # Our kernel's console knows no Unicode, and so no blocks.
        text = text (n >= k ? DOT "  " PLAIN : "  ")
        if (n >= k) n -= k
      }
      text = text "   "
    }
    draw(text)
  }
}
