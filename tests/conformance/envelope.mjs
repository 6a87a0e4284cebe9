// Presents every vector of a folder to the steps that need no protobuf, with nothing but Node's own crypto:
// envelope rules, payload type, key, signature. Prints the outcomes by vector as JSON.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const DECISION = "application/vnd.turnout.decision.v1+proto";
const MAX_BYTES = 64 * 1024;
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
  const [{ key_id: id, value_hex: value }] = signatures;
  return id.length >= 1 && id.length <= 64 && value.length === 128;
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
  return verify(null, pae(type, payload), publicKey(key), signature) ? "AUTHENTIC" : "SIGNATURE_INVALID";
}

const folder = process.argv[2];
const results = {};
for (const name of readdirSync(folder).filter((each) => each.endsWith(".json"))) {
  const vector = JSON.parse(readFileSync(join(folder, name), "utf8"));
  results[vector.name] = vector.presentations.map((each) => outcome(each, vector.keys));
}
console.log(JSON.stringify(results));
