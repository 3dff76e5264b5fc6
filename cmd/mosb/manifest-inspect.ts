import { command } from '../cli/command.ts';
import { reading } from '../cli/common.ts';
import { renderManifest } from '../render/manifest.ts';

export const manifestInspect = command({
  name: 'manifest inspect',
  summary: 'Show what a published manifest says, without believing it',
  arguments: { ref: { kind: 'reference', value: 'REF', help: 'the install manifest' } },
  options: reading,
  async run({ host, args, options, report, signal }) {
    const { inspectManifest } = await import('../../pkg/system/index.ts');
    return inspectManifest(host, args.ref, { ...options, signal }, report);
  },
  render: renderManifest,
});
