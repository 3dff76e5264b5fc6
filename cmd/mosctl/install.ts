import { command } from '../cli/command.ts';
import { renderInstalled } from '../render/installed.ts';
import { incomingArguments, incomingOptions, toIncoming } from './incoming.ts';

export const install = command({
  name: 'install',
  summary: 'Install a machine from a signed manifest',
  description:
    'Fetches the manifest with its certificates and signatures, verifies it against the manifest CA, imports the images of all targets and writes the first generation. Running it again after it was interrupted completes it.',
  arguments: incomingArguments,
  options: incomingOptions,
  examples: ['mosctl install --root /mnt/disk registry.example.com/machine/web:1.0.0'],
  async run({ host, args, options, report, signal, builtAt }) {
    const use = await import('../../pkg/system/index.ts');
    return use.install(host, toIncoming(options, args.ref, signal, builtAt), report);
  },
  render: renderInstalled,
});
