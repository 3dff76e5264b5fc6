import { type Host, writeAtomic } from '../../host/index.ts';
import { mainRef, type State } from '../paths.ts';

/** gitrepository-layout(5): a branch, or a commit where a person left it; else git takes the folder for no repository. */
const head = /^(?:ref:\s*refs\/\S+|[0-9a-f]{40})\s*$/;

/** Whether the repository has none that git can use; one that is not made yet lacks nothing. */
export async function isHeadLost(host: Host, state: State): Promise<boolean> {
  if ((await host.files.stat(state.git))?.type !== 'directory') return false;
  const path = `${state.git}/HEAD`;
  if ((await host.files.stat(path)) === undefined) return true;
  return !head.test(Buffer.from(await host.files.read(path)).toString('latin1'));
}

/** Which branch it names matters to people alone. */
export async function repairHead(host: Host, state: State): Promise<void> {
  if (await isHeadLost(host, state)) await writeAtomic(host, `${state.git}/HEAD`, `ref: ${mainRef}\n`);
}
