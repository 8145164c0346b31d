// Pipelines of @huggingface/transformers over models in a folder of this machine.
import { env, pipeline, AutoModel, AutoTokenizer } from '@huggingface/transformers';

env.allowRemoteModels = false;
env.localModelPath = process.argv[2];
const texts = ['the cat sat on the mat', 'a dog', 'the quick brown fox jumps over the lazy dog and the cat'];
const out = {};

const extractor = await pipeline('feature-extraction', 'tiny-bert', { dtype: 'fp32' });
for (const options of [{ pooling: 'mean', normalize: true }, { pooling: 'cls' }, {}]) {
  const features = await extractor(texts, options);
  out[`features ${JSON.stringify(options)}`] = { dims: features.dims, data: [...features.data] };
}
await extractor.dispose();

const classifier = await pipeline('text-classification', 'tiny-classifier', { dtype: 'fp32' });
out.labels = await classifier(texts, { top_k: 3 });

const tokenizer = await AutoTokenizer.from_pretrained('tiny-bert');
const model = await AutoModel.from_pretrained('tiny-bert', { dtype: 'fp32', device: 'cpu' });
const { last_hidden_state: hidden } = await model(await tokenizer(texts, { padding: true }));
out.hidden = { dims: hidden.dims, type: hidden.type, sum: hidden.mean().data[0] };
out.tolist = hidden.slice(0, 0).tolist()[0].length;
console.log(JSON.stringify({ engine: env.backends.onnx.versions, out }));
