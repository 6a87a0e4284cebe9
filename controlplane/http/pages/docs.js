"use strict";
// Shows /openapi.json, and sends requests. Everything that comes from elsewhere is put in as text, never as markup.

const byId = (id) => document.getElementById(id);

function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

// Words between backticks as code.
const spoken = (text) => text.split("`").map((part, index) => (index % 2 ? made("code", { textContent: part }) : part));

const resolved = (schema, all) => (schema.$ref ? { ...all[schema.$ref.split("/").pop()], ...schema, $ref: undefined } : schema);

function typeOf(schema, all) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return `list of ${typeOf(schema.items || {}, all)}`;
  return [schema.type || "any", schema.format || schema.contentEncoding || ""].join(" ").trim();
}

// Properties of a schema and of those that it consists of.
function propertiesOf(schema, all) {
  const whole = resolved(schema, all);
  const parts = [...(whole.allOf || []), ...(whole.anyOf || []).slice(0, 1)].map((part) => propertiesOf(part, all));
  return Object.assign({}, ...parts, whole.properties || {});
}

function fields(schema, all) {
  const list = made("ul", { className: "fields" });
  for (const [name, field] of Object.entries(propertiesOf(schema, all))) list.append(fieldOf(name, field, all));
  return list;
}

function fieldOf(name, field, all) {
  const inner = field.type === "array" ? field.items || {} : field;
  const told = field.description || resolved(inner, all).description || "";
  const head = [made("code", { textContent: name }), made("span", { className: "type", textContent: typeOf(field, all) })];
  const item = made("li", {}, ...head, made("p", { className: "dim" }, ...spoken(told)));
  if (Object.keys(propertiesOf(inner, all)).length) {
    const more = made("details", {}, made("summary", { className: "dim", textContent: "fields" }));
    // Made when it is opened, for messages may hold themselves.
    more.addEventListener("toggle", () => { if (more.open && more.children.length === 1) more.append(fields(inner, all)); });
    item.append(more);
  }
  return item;
}

function exampleOf(operation, all) {
  const body = operation.requestBody.content["application/json"].schema;
  const parts = [body, ...(body.allOf || []), ...(body.anyOf || []).flatMap((one) => [one, ...(one.allOf || [])])];
  const found = parts.flatMap((part) => part.examples || []);
  const names = Object.keys(propertiesOf(body, all)).slice(0, 2);
  return JSON.stringify(found[0] || Object.fromEntries(names.map((name) => [name, ""])), null, 2);
}

function tryOut(path, verb, operation, all) {
  const inputs = (operation.parameters || []).map((parameter) => ({ parameter, field: made("input", { name: parameter.name }) }));
  const body = operation.requestBody ? made("textarea", { value: exampleOf(operation, all), spellcheck: false }) : null;
  const answer = made("pre", { hidden: true, tabIndex: 0 });
  const status = made("p", { role: "status" });
  const form = made("form", {},
    made("div", { className: "inputs" }, ...inputs.map(({ parameter, field }) => made("label", {}, parameter.name, field))),
    body && made("label", {}, "body", body), made("button", { textContent: "Send" }), status, answer);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await send(addressOf(path, inputs), verb, body && body.value, status, answer);
  });
  return form;
}

function addressOf(path, inputs) {
  const query = new URLSearchParams();
  let address = path;
  for (const { parameter, field } of inputs) {
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(field.value));
    else if (field.value) query.append(parameter.name, field.value);
  }
  return query.size ? `${address}?${query}` : address;
}

async function send(address, verb, body, status, answer) {
  const token = byId("token").value.trim();
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body !== null && { "content-type": "application/json" }) };
  status.className = "dim";
  status.textContent = `${verb.toUpperCase()} ${address} …`;
  try {
    const began = performance.now();
    const response = await fetch(address, { method: verb.toUpperCase(), headers, body });
    const text = await response.text();
    status.textContent = `${response.status} in ${Math.round(performance.now() - began)} ms`;
    status.className = response.ok ? "get" : "wrong";
    answer.textContent = shown(text);
  } catch (error) {
    status.className = "wrong";
    status.textContent = `no answer: ${error.message}`;
    answer.textContent = "";
  }
  answer.hidden = !answer.textContent;
}

function shown(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

function operationOf(path, verb, operation, all) {
  const summary = made("summary", {}, made("span", { className: `verb ${verb}`, textContent: verb.toUpperCase() }),
    made("code", { className: "path", textContent: path }), made("span", { className: "dim" }, ...spoken(operation.summary)));
  const inside = made("div");
  const whole = made("details", { className: "operation", id: operation.operationId || path }, summary, inside);
  whole.addEventListener("toggle", () => { if (whole.open && !inside.children.length) fill(inside, path, verb, operation, all); });
  return whole;
}

function fill(inside, path, verb, operation, all) {
  for (const line of (operation.description || "").split("\n\n")) inside.append(made("p", { className: "dim" }, ...spoken(line)));
  const json = (holder) => ((holder || {}).content || {})["application/json"];
  const body = json(operation.requestBody), answer = json((operation.responses || {})["200"]);
  if ((operation.parameters || []).length) {
    inside.append(made("h2", { textContent: "Parameters" }), made("ul", { className: "fields" }, ...operation.parameters.map(
      (one) => fieldOf(one.name, { ...one.schema, description: one.description }, all))));
  }
  if (body) inside.append(made("h2", { textContent: "Body" }), fields(body.schema, all));
  if (answer && answer.schema) inside.append(made("h2", { textContent: "Answer" }), fields(answer.schema, all));
  inside.append(made("h2", { textContent: "Try it" }), tryOut(path, verb, operation, all));
}

async function show() {
  const place = byId("operations");
  try {
    const api = await (await fetch("/openapi.json")).json();
    byId("summary").textContent = `HTTP API of the control plane, version ${api.info.version}`;
    place.replaceChildren(made("p", { className: "dim" }, ...spoken(api.info.description)));
    for (const [path, verbs] of Object.entries(api.paths)) {
      for (const [verb, operation] of Object.entries(verbs)) {
        place.append(operationOf(path, verb, operation, api.components.schemas));
      }
    }
    const named = byId(decodeURIComponent(location.hash.slice(1)));
    if (named) { named.open = true; named.scrollIntoView(); }
  } catch (error) {
    place.replaceChildren(made("p", { className: "wrong", textContent: `/openapi.json cannot be read: ${error.message}` }));
  }
}

show();
