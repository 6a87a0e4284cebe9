// Presents every vector of a folder to the steps that need no protobuf, with nothing but Node's own crypto:
// envelope rules, payload type, key, signature. Prints the outcomes by vector as JSON.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const DECISION = "application/vnd.turnout.decision.v1+proto";
const BATCH = "application/vnd.turnout.batch.v1";
const MAX_BYTES = 64 * 1024;
const MAX_LEAVES = 1024;
const MAX_STEPS = 10;
const SKEW_MS = 5000;
// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

const pae = (type, body) =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `), body]);

const publicKey = (key) =>
  createPublicKey({
    key: Buffer.concat([SPKI, Buffer.from(key.public_key_hex, "hex")]),
    format: "der",
    type: "spki",
  });

function wellFormed(type, payload, signatures) {
  if (payload.length < 1 || payload.length > MAX_BYTES) return false;
  if (type.length < 1 || type.length > 128 || signatures.length !== 1) return false;
  const [{ key_id: id, value_hex: value, inclusion }] = signatures;
  return id.length >= 1 && id.length <= 64 && value.length === 128 && (!inclusion || possible(inclusion));
}

function possible({ leaf_index: index, tree_size: size, path_hex: path }) {
  if (size < 2 || size > MAX_LEAVES || index < 0 || index >= size) return false;
  return path.length >= 1 && path.length <= MAX_STEPS && path.every((step) => step.length === 64);
}

const hash = (tag, ...parts) => {
  const hasher = createHash("sha256").update(Buffer.from([tag]));
  parts.forEach((part) => hasher.update(part));
  return hasher.digest();
};

// RFC 9162, section 2.1.3.2; null if the path is too long or too short.
function rootOf(leaf, { leaf_index: index, tree_size: size, path_hex: path }) {
  let [place, last, found] = [index, size - 1, leaf];
  for (const step of path.map((each) => Buffer.from(each, "hex"))) {
    if (last === 0) return null;
    if (place % 2 === 1 || place === last) {
      found = hash(1, step, found);
      while (place % 2 === 0 && place !== 0) [place, last] = [place >> 1, last >> 1];
    } else {
      found = hash(1, found, step);
    }
    [place, last] = [place >> 1, last >> 1];
  }
  return last === 0 ? found : null;
}

// What the signature is over: the payload under its type, or the root of the batch that it is in.
function signedMessage(type, payload, inclusion) {
  if (!inclusion) return pae(type, payload);
  const root = rootOf(hash(0, pae(type, payload)), inclusion);
  if (root === null) return null;
  const statement = Buffer.alloc(40);
  statement.writeBigUInt64BE(BigInt(inclusion.tree_size));
  root.copy(statement, 8);
  return pae(BATCH, statement);
}

function keyFault(key, now) {
  if (!key) return "KEY_UNKNOWN";
  if (key.state === "revoked") return "KEY_REVOKED";
  if (key.state === "prepared" || Date.parse(key.not_before) - now > SKEW_MS) return "KEY_NOT_YET_VALID";
  if (key.not_after !== null && now > Date.parse(key.not_after)) return "KEY_EXPIRED";
  return null;
}

function outcome({ envelope, now }, keys) {
  const { payload_type: type, signatures } = envelope;
  const payload = Buffer.from(envelope.payload_base64, "base64");
  if (!wellFormed(type, payload, signatures)) return "ENVELOPE_MALFORMED";
  if (type !== DECISION) return "PAYLOAD_TYPE_UNKNOWN";
  const key = keys.find((each) => each.key_id === signatures[0].key_id);
  const fault = keyFault(key, Date.parse(now));
  if (fault) return fault;
  const signature = Buffer.from(signatures[0].value_hex, "hex");
  const message = signedMessage(type, payload, signatures[0].inclusion);
  if (message === null) return "SIGNATURE_INVALID";
  return verify(null, message, publicKey(key), signature) ? "AUTHENTIC" : "SIGNATURE_INVALID";
}

const folder = process.argv[2];
const results = {};
for (const name of readdirSync(folder).filter((each) => each.endsWith(".json"))) {
  const vector = JSON.parse(readFileSync(join(folder, name), "utf8"));
  results[vector.name] = vector.presentations.map((each) => outcome(each, vector.keys));
}
console.log(JSON.stringify(results));
