import { command } from '../cli/command.ts';
import { keyset } from './arguments.ts';

export const projectAdd = command({
  name: 'project add',
  summary: 'Make a product with the key that signs its manifests',
  arguments: {
    keyset,
    project: { kind: 'text', value: 'PROJECT', help: 'the name of the new project' },
  },
  options: {
    product: {
      kind: 'text',
      value: 'UUID',
      help: 'a further key for this product, to rotate keys; without it the product is new',
    },
  },
  examples: ['trust project add acme gateway'],
  async run({ host, args, options }) {
    const { addProject } = await import('../../pkg/trust/index.ts');
    return addProject(host, args.keyset, args.project, { product: options.product });
  },
  render: ({ keyset: name, project, path, product }) =>
    `made the project ${name}:${project} at ${path}\nproduct ${product}`,
});
