"""Golden data of the sound features, from the libraries that models are trained with. Versions: requirements.txt.
usage: make_audio_golden.py      writes audio_golden.h beside it"""
from pathlib import Path

import librosa
import numpy as np
import torch
import torchaudio
import torchaudio.compliance.kaldi as kaldi
import transformers

out = [f"/* Made by make_audio_golden.py with librosa {librosa.__version__}, torchaudio {torchaudio.__version__.split('+')[0]} and transformers {transformers.__version__}. */", ""]


def array(name, a, step=1, note=""):
    """Rows 0, step, 2 step, … of a matrix, or a row of numbers."""
    a = np.asarray(a, np.float32)
    total = a.shape[0]
    rows = a[::step] if a.ndim > 1 else a
    text = ", ".join(f"{v:.7g}" for v in rows.ravel().tolist())
    lines, line = [], ""
    for word in text.split(" "):
        if len(line) + len(word) > 138:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word
    if a.ndim > 1:
        out.append(f"enum {{ {name}_rows = {total}, {name}_step = {step}, {name}_width = {a.shape[1]} }};{note}")
    out.append(f"static const float {name}[] = {{\n  " + "\n  ".join(lines + [line]) + "};")


def signal(count):
    """Whole numbers, so that test_audio.c makes the same: two tones, one of them rising, noise, and silence from 2000 to 2700."""
    samples, state = [], 1
    triangle = lambda phase: (phase if phase < 32768 else 65535 - phase) - 16384
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        noise = (state >> 16) % 2001 - 1000
        value = triangle(i * 1311 % 65536) // 2 + triangle(i * (5000 + i) % 65536) // 4 + noise
        samples.append(0 if 2000 <= i < 2700 else value)
    return np.array(samples, np.float32) / np.float32(32768)


x = signal(5000)
t = torch.from_numpy(x)[None]

whisper = transformers.WhisperFeatureExtractor(feature_size=80, chunk_length=1)
array("golden_whisper", whisper(x, sampling_rate=16000, return_tensors="np").input_features[0].T, 9)

mel = librosa.feature.melspectrogram(y=x, sr=16000, n_fft=512, hop_length=160, n_mels=40, pad_mode="reflect")
array("golden_librosa_mel", mel.T, 4)
array("golden_librosa_db", librosa.power_to_db(mel, ref=np.max, top_db=80).T, 4)
array("golden_librosa_mfcc", librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=13).T, 4)
mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=13, lifter=22)
array("golden_librosa_lifted", mfcc.T, 4)
array("golden_librosa_delta", librosa.feature.delta(mfcc).T, 3)
array("golden_librosa_delta2", librosa.feature.delta(mfcc, order=2, width=7).T, 3)
array("golden_librosa_stft", np.abs(librosa.stft(x, n_fft=512, hop_length=200, win_length=400, window="hamming", pad_mode="constant")).T, 6)
array("golden_librosa_odd", np.abs(librosa.stft(x, n_fft=441, hop_length=300, window="blackman", pad_mode="reflect")).T, 6)
array("golden_librosa_htk", librosa.feature.melspectrogram(y=x, sr=16000, n_fft=400, hop_length=400, n_mels=20, htk=True, norm=None, fmin=60, fmax=7600, center=False, power=1).T, 4)
array("golden_librosa_emphasis", librosa.effects.preemphasis(x)[:20])

torch_mel = torchaudio.transforms.MelSpectrogram(16000, n_fft=400, hop_length=200, n_mels=40)(t)[0]
array("golden_torch_mel", torch_mel.T.numpy(), 5)
array("golden_torch_log", torch.log(torch_mel + 1e-6).T.numpy(), 5)
array("golden_torch_emphasis", torchaudio.functional.preemphasis(t)[0, :20].numpy())
array("golden_torch_deltas", torchaudio.functional.compute_deltas(torch_mel, 5).T.numpy(), 5)
for name, options in {"fbank": {}, "fbank_whole": {"snip_edges": False, "window_type": "hamming", "high_freq": -400.0}}.items():
    array(f"golden_kaldi_{name}", kaldi.fbank(t * 32768, num_mel_bins=23, dither=0.0, **options).numpy(), 5)
array("golden_kaldi_mfcc", kaldi.mfcc(t * 32768, dither=0.0).numpy(), 4)
for a, b in [(44100, 16000), (48000, 16000), (8000, 16000), (16000, 22050)]:
    y = torchaudio.functional.resample(t.double(), a, b)[0].numpy()  # in single precision its sinc is off by up to 5e-6
    out.append(f"enum {{ golden_resample_{a}_{b}_length = {len(y)} }};")
    array(f"golden_resample_{a}_{b}", np.concatenate([y[:60], y[-60:]]))
array("golden_wav2vec", transformers.Wav2Vec2FeatureExtractor()(x, sampling_rate=16000, return_tensors="np").input_values[0][:60])
(Path(__file__).parent / "audio_golden.h").write_text("\n".join(out) + "\n", "utf-8")
