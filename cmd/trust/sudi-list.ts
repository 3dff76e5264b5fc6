import { command } from '../cli/command.ts';
import { keyset, project } from './arguments.ts';

export const sudiList = command({
  name: 'sudi list',
  summary: 'List the machines of a project by their serials',
  arguments: { keyset, project },
  async run({ host, args }) {
    const { listSudis } = await import('../../pkg/trust/index.ts');
    return listSudis(host, args.keyset, args.project);
  },
  render: (serials) => serials.join('\n'),
});
