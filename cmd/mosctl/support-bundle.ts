import type { Host } from '../../pkg/host/index.ts';
import { root } from '../cli/common.ts';
import { size } from '../cli/progress.ts';
import { ca } from './incoming.ts';
import { remoteCommand } from './remote.ts';
import { version } from './version.ts';

async function write(host: Host, file: string, text: string) {
  const content = Buffer.from(text, 'utf8');
  // Never over what is there, and for nobody else to read.
  await using out = await host.files.create(file, { mode: 0o600 });
  await out.write(content);
  await out.sync();
  return { file, bytes: content.length };
}

export const supportBundle = remoteCommand(
  {
    name: 'support-bundle',
    summary: 'Write what somebody needs who helps from afar into a tar file',
    description:
      'Status, history, services, updates, jobs, calls of the API, mounts, space, versions and the journal of mosctl. What services say and their environment, keys and credentials are not in it.',
    arguments: { file: { kind: 'path', value: 'FILE', help: 'the file; it must not be there yet' } },
    options: { root, ca },
    examples: ['mosctl support-bundle web-7.tar --context web-7.json'],
    async run({ host, args, options }) {
      const { supportBundle: make } = await import('../../pkg/api/index.ts');
      return write(host, args.file, await make(host, { ...options, version }));
    },
    render: ({ file, bytes }) => `wrote ${file}, ${size(bytes)}`,
  },
  () => ({ method: 'GET', path: '/v1/support-bundle', isText: true }),
  (answer, { host, args }) => write(host, args.file, String(answer)),
);
