import { MosError } from '../../errors/index.ts';
import { inspectLayer } from '../check.ts';
import type { LayerInspector } from '../inspector.ts';
import type { FromThread, ToThread } from './messages.ts';

type Reply = (message: FromThread) => void;

type Looked = { readonly inspector: LayerInspector; readonly memory: SharedArrayBuffer };

/** What the thread does: it inspects several layers, whose bytes come by turns. */
export function layerInspector(): (message: ToThread, reply: Reply) => void {
  const layers = new Map<number, Looked>();
  return (message, reply) => {
    const { layer } = message;
    try {
      const done = take(layers, message);
      if (done !== undefined) reply(done);
    } catch (error) {
      if (!(error instanceof MosError)) throw error;
      layers.delete(layer);
      reply({ kind: 'failed', layer, code: error.code, message: error.message, hint: error.hint });
    }
    if (message.kind === 'bytes') reply({ kind: 'free', layer, offset: message.offset });
  };
}

/** Bytes of a layer that failed or was dropped are passed over. */
function take(layers: Map<number, Looked>, message: ToThread): FromThread | undefined {
  const { kind, layer } = message;
  if (kind === 'begin')
    layers.set(layer, {
      inspector: inspectLayer(message.descriptor, message.salt),
      memory: message.memory,
    });
  const looked = layers.get(layer);
  if (kind === 'bytes')
    looked?.inspector.update(new Uint8Array(looked.memory, message.offset, message.length));
  if (kind === 'end' || kind === 'drop') layers.delete(layer);
  if (kind !== 'end' || looked === undefined) return undefined;
  return { kind: 'done', layer, isChecked: looked.inspector.end(), salt: looked.inspector.salt };
}
