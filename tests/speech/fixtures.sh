#!/bin/sh
# Makes the recordings of the speech server's tests in the folder given.
set -eu
out=$1
mkdir -p "$out"
raw=/usr/share/pocketsphinx/test/data/goforward.raw
ff() { ffmpeg -nostdin -v error -y "$@"; }

flite -voice rms -t "I have been feeling sad since my father died" \
    -o "$out/hello.wav"
ff -f s16le -ar 16000 -ac 1 -i "$raw" "$out/goforward.wav"
in=$out/goforward.wav
ff -i "$in" -c:a libmp3lame "$out/goforward.mp3"
ff -i "$in" -c:a libopus -ar 48000 "$out/goforward.webm"
# As a browser records: no length, no index.
ff -i "$in" -c:a libopus -ar 48000 -f webm -live 1 - >"$out/goforward.stream.webm"
ff -i "$in" -c:a libvorbis "$out/goforward.vorbis.ogg"
ff -i "$in" -c:a libopus -ar 48000 "$out/goforward.opus.ogg"
ff -i "$in" -c:a aac -ar 44100 "$out/goforward.m4a"
ff -i "$in" -c:a aac -ar 44100 -movflags frag_keyframe+empty_moov \
    "$out/goforward.fragment.m4a"
ff -i "$in" -c:a flac "$out/goforward.flac.ogg"
ff -i "$in" -c:a libspeex "$out/goforward.speex.ogg"
ff -i "$in" -c:a pcm_f64le "$out/goforward.f64.wav"
ff -i "$in" -c:a adpcm_ms "$out/goforward.ms.wav"
ff -i "$in" -c:a adpcm_ima_wav "$out/goforward.ima.wav"
ff -i "$in" -rf64 always "$out/goforward.rf64.wav"
# What taggers and encoders put in front of an MP3, which has an ID3 tag itself.
ape='APETAGEX\320\007\0\0\040\0\0\0\0\0\0\0\0\0\0'
{
  printf '\0\0\0\0'
  # shellcheck disable=SC2059
  printf "$ape\240\0\0\0\0\0\0\0\0$ape\200\0\0\0\0\0\0\0\0"
  printf 'ID3\003\0\0\0\0\0\012\0\0\0\0\0\0\0\0\0\0'
  cat "$out/goforward.mp3"
} >"$out/goforward.tags.mp3"
ff -i "$in" -ar 44100 -ac 2 "$out/goforward.stereo.wav"
ff -f lavfi -i anullsrc=r=16000:cl=mono -t 3 "$out/silence.wav"
ff -f lavfi -i "sine=f=50:r=16000,volume=2" -t 3 "$out/hum.wav"
ff -f lavfi -i "anoisesrc=r=16000:a=0.05:s=1" -t 3 "$out/noise.wav"
# Ten minutes in a few kilobytes.
ff -f lavfi -i anullsrc=r=48000:cl=mono -t 600 -c:a libopus -b:a 6k \
    -frame_duration 60 "$out/bomb.ogg"
# A picture that claims to be a recording.
ff -f lavfi -i color=red:s=64x64 -frames:v 1 "$out/picture.png"
mv "$out/picture.png" "$out/picture.wav"
touch "$out/.done"
