import { command } from '../cli/command.ts';
import { keyset } from './arguments.ts';

export const projectList = command({
  name: 'project list',
  summary: 'List the projects of a keyset',
  arguments: { keyset },
  async run({ host, args }) {
    const { listProjects } = await import('../../pkg/trust/index.ts');
    return listProjects(host, args.keyset);
  },
  render: (names) => names.join('\n'),
});
