"""Test accuracy of workbench and of Keras on the same splits of the 8x8 digits: one JSON line a split.

    tf/bin/python accuracy.py WORKBENCH [--splits N]

Each split (stratified, 20 % test) is written as IDX files with an official test part, which both sides read; both train
the network of examples/digits-cnn.yaml for its 20 epochs at batch 32 with Adam 1e-3, with a tenth of the training part
held back. Ends with a line of means.
"""
import json, os, struct, subprocess, sys, tempfile
import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
import tensorflow as tf

program = sys.argv[1]
splits = int(sys.argv[sys.argv.index("--splits") + 1]) if "--splits" in sys.argv else 10
digits = load_digits()
x, y = np.round(digits.images * 255 / 16).astype(np.uint8), digits.target.astype(np.uint8)


def write_idx(path, a):
    with open(path, "wb") as f:
        f.write(struct.pack(">HBB", 0, 8, a.ndim) + struct.pack(">%dI" % a.ndim, *a.shape) + a.tobytes())


def keras(xt, yt, xe, ye, seed):
    tf.keras.utils.set_random_seed(seed)
    L = tf.keras.layers
    m = tf.keras.Sequential([L.Input((8, 8, 1)), L.Conv2D(16, 3, padding="same", activation="relu"),
                             L.Conv2D(32, 3, padding="same", activation="relu"), L.MaxPooling2D(2), L.Flatten(),
                             L.Dense(64, activation="relu"), L.Dense(10)])
    m.compile(tf.keras.optimizers.Adam(1e-3), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    xt, _, yt, _ = train_test_split(xt, yt, test_size=0.1, stratify=yt, random_state=seed)
    m.fit(xt[..., None] / np.float32(255), yt, batch_size=32, epochs=20, verbose=0)
    return float(m.evaluate(xe[..., None] / np.float32(255), ye, verbose=0)[1])


ours, theirs = [], []
for seed in range(splits):
    xt, xe, yt, ye = train_test_split(x, y, test_size=0.2, stratify=y, random_state=seed)
    with tempfile.TemporaryDirectory() as d:
        for name, a in [("train-images-idx3", xt), ("train-labels-idx1", yt), ("t10k-images-idx3", xe), ("t10k-labels-idx1", ye)]:
            write_idx(f"{d}/{name}-ubyte", a)
        out = subprocess.run([program, "train", "digits-cnn", "--data", d, "--dataset", "idx", "--seed", str(seed + 1), "--session", f"{d}/s.session", "--json"],
                             capture_output=True, text=True, check=True).stdout
        ours.append(json.loads(out.splitlines()[-1])["test/accuracy"])
    theirs.append(keras(xt, yt, xe, ye, seed))
    print(json.dumps({"split": seed, "workbench": ours[-1], "keras": theirs[-1]}), flush=True)
print(json.dumps({"mean workbench": np.mean(ours), "mean keras": np.mean(theirs)}))
