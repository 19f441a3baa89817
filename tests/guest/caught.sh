#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes files in many ways in directory $1, and tells on the second serial line what each holds: "file NAME SHA256".
# "calls": only what calls alone tell; "all": also what only the kernel's memory holds; "many N": N small files.
dir=$1
say() {
    sum=$(sha256sum "$dir/$2")
    echo "file $1 ${sum%% *}" >/dev/ttyS1
}
mkdir -p "$dir"
case $2 in
many)
    i=0
    while [ $i -lt "$3" ]; do
        echo $i >"$dir/many"
        rm "$dir/many"
        i=$((i + 1))
    done
    echo finished >/dev/ttyS1
    exit
    ;;
esac

echo short >"$dir/short"
say short short
seq 1 20000 >"$dir/lines"
say lines lines
for i in 1 2 3 4 5; do echo "line $i" >>"$dir/appended"; done
say appended appended
: >"$dir/empty"
say empty empty
cp /bin/caught.sh "$dir/copied"
say copied copied
seq 1 1000 >"$dir/moved.part"
mv "$dir/moved.part" "$dir/moved"
say moved moved
echo gone >"$dir/gone"
say gone gone
rm "$dir/gone"
seq 1 50 >"$dir/here"
say relative here
(cd "$dir" && mv here there && rm ./there)
seq 1 3000 | dd of="$dir/pieces" bs=100 conv=notrunc 2>/dev/null
printf middle | dd of="$dir/pieces" bs=1 seek=500 conv=notrunc 2>/dev/null
truncate -s 5000 "$dir/pieces"
say cut pieces
(cd "$dir" && printf 'name' >"$(printf 'a\nb\033[31m')")
sum=$(sha256sum <"$dir/$(printf 'a\nb\033[31m')")
echo "file control ${sum%% *}" >/dev/ttyS1
printf '#!/bin/sh\necho ran\n' >"$dir/script.sh"
chmod 755 "$dir/script.sh"
say script script.sh
"$dir/script.sh" >/dev/null
cp /bin/dropper "$dir/program"
chmod 755 "$dir/program"
say program program
"$dir/program" nothing
rm "$dir/program"
if [ "$2" = all ]; then
    for what in mapped sparse sent large; do
        dropper $what "$dir/$what"
        say $what $what
    done
    cp /bin/dropper "$dir/self"
    say self self
    "$dir/self" unlink "$dir/self"
    dropper memfd
    sum=$(sha256sum /bin/dropper)
    echo "file memfd ${sum%% *}" >/dev/ttyS1
fi
echo finished >/dev/ttyS1
