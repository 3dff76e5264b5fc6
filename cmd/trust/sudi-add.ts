import { command } from '../cli/command.ts';
import { keyset, project } from './arguments.ts';

export const sudiAdd = command({
  name: 'sudi add',
  summary: 'Make the identity certificate of one machine',
  arguments: {
    keyset,
    project,
    serial: {
      kind: 'text',
      value: 'SERIAL',
      optional: true,
      help: 'its serial, such as SN0001; default a uuid',
    },
  },
  examples: ['trust sudi add acme default SN0001'],
  async run({ host, args }) {
    const { addSudi } = await import('../../pkg/trust/index.ts');
    return addSudi(host, args.keyset, args.project, args.serial);
  },
  render: ({ serial, path }) => `made the identity of machine ${serial} at ${path}`,
});
