import { command } from '../cli/command.ts';
import { shells } from '../cli/completion.ts';

export const completion = command({
  name: 'completion',
  summary: 'Print a script that completes command lines in a shell',
  description: 'Source its output from the start-up file of the shell.',
  arguments: {
    shell: { kind: 'choice', value: 'SHELL', choices: shells, help: `one of ${shells.join(', ')}` },
  },
  examples: ['mosctl completion bash > /etc/bash_completion.d/mosctl'],
  async run({ args }) {
    const { renderCompletion } = await import('../cli/completion.ts');
    const { programs } = await import('../programs.ts');
    return { shell: args.shell, script: renderCompletion(args.shell, Object.values(programs)) };
  },
  render: ({ script }) => script.trimEnd(),
});
