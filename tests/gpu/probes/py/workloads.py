"""The models of the probes, in plain PyTorch: random weights, real shapes, no download.

Each builder returns a function that runs one iteration on the current stream. The transformer code follows the
common unfused eager implementation (RMSNorm in float32, rotary embedding by concatenation), because that is
what best-effort programs run.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

DEVICE = "cuda"


# ---------------------------------------------------------------- ResNet-50
def resnet50(batch):
    import torchvision
    net = torchvision.models.resnet50(weights=None).half().eval().to(DEVICE, memory_format=torch.channels_last)
    x = torch.randn(batch, 3, 224, 224, device=DEVICE, dtype=torch.half).to(memory_format=torch.channels_last)

    def step():
        with torch.inference_mode():
            return net(x)
    return step


def train_classifier(name, batch):
    import torchvision
    net = getattr(torchvision.models, name)(weights=None).train().to(DEVICE, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
    x = torch.randn(batch, 3, 224, 224, device=DEVICE).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (batch,), device=DEVICE)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16):
            loss = F.cross_entropy(net(x), labels)
        loss.backward()
        optimizer.step()
        return loss
    return step


# ---------------------------------------------------------------- Llama shape
class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-5)
        return self.weight * wide.to(x.dtype)


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


class LlamaLayer(nn.Module):
    def __init__(self, width=4096, heads=32, kv_heads=8, hidden=14336):
        super().__init__()
        self.heads, self.kv_heads, self.head = heads, kv_heads, width // heads
        linear = lambda i, o: nn.Linear(i, o, bias=False)
        self.q, self.k, self.v = linear(width, width), linear(width, kv_heads * self.head), linear(width, kv_heads * self.head)
        self.o, self.gate, self.up, self.down = linear(width, width), linear(width, hidden), linear(width, hidden), linear(hidden, width)
        self.norm1, self.norm2 = RmsNorm(width), RmsNorm(width)

    def forward(self, x, cos, sin, past):
        b, s, _ = x.shape
        y = self.norm1(x)
        q = self.q(y).view(b, s, self.heads, self.head).transpose(1, 2)
        k = self.k(y).view(b, s, self.kv_heads, self.head).transpose(1, 2)
        v = self.v(y).view(b, s, self.kv_heads, self.head).transpose(1, 2)
        q, k = q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=past is None, enable_gqa=True)
        x = x + self.o(a.transpose(1, 2).reshape(b, s, -1))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


def llama(layers, batch, seq, cached=0, vocab=128256, width=4096):
    """Prefill of `seq` tokens, or one decode step of `seq` = 1 token over `cached` ones."""
    with torch.device(DEVICE):
        torch.set_default_dtype(torch.bfloat16)
        embed, norm, head = nn.Embedding(vocab, width), RmsNorm(width), nn.Linear(width, vocab, bias=False)
        blocks = nn.ModuleList(LlamaLayer() for _ in range(layers))
        torch.set_default_dtype(torch.float32)
        inverse = 1.0 / 500000 ** (torch.arange(0, 128, 2, dtype=torch.float) / 128)
        tokens = torch.randint(0, vocab, (batch, seq))
        positions = torch.arange(cached, cached + seq, dtype=torch.float)[None, :]
        past = [None] * layers
        if cached:
            past = [tuple(torch.randn(batch, 8, cached, 128, dtype=torch.bfloat16) for _ in range(2)) for _ in range(layers)]

    def step():
        with torch.inference_mode():
            x = embed(tokens)
            angle = (inverse[None, :, None] @ positions[:, None, :]).transpose(1, 2)
            angle = torch.cat((angle, angle), dim=-1)[:, None]
            cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
            for block, kv in zip(blocks, past):
                x = block(x, cos, sin, kv)
            return head(norm(x)[:, -1:])
    return step


# ---------------------------------------------------------------- BERT and GPT-2 training
class Block(nn.Module):
    def __init__(self, width, heads, causal, dropout):
        super().__init__()
        self.heads, self.causal, self.dropout = heads, causal, dropout
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def attend(self, x):
        split = lambda t: t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        a = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(x)), split(self.v(x)), is_causal=self.causal,
                                           dropout_p=self.dropout)
        return F.dropout(self.o(a.transpose(1, 2).flatten(2)), self.dropout)

    def mlp(self, x):
        return F.dropout(self.down(F.gelu(self.up(x))), self.dropout)

    def forward(self, x):
        if self.causal:
            x = x + self.attend(self.norm1(x))
            return x + self.mlp(self.norm2(x))
        x = self.norm1(x + self.attend(x))
        return self.norm2(x + self.mlp(x))


class Transformer(nn.Module):
    def __init__(self, width, heads, layers, vocab, length, causal, dropout=0.1):
        super().__init__()
        self.token, self.position = nn.Embedding(vocab, width), nn.Embedding(length, width)
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(width, heads, causal, dropout) for _ in range(layers))
        self.head = nn.Linear(width, vocab, bias=False)
        self.head.weight = self.token.weight
        self.causal, self.dropout = causal, dropout

    def forward(self, tokens):
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1], device=tokens.device))
        x = F.dropout(x if self.causal else self.norm(x), self.dropout)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x) if self.causal else x)


def train_transformer(batch, seq, width, heads, layers, vocab, causal):
    net = Transformer(width, heads, layers, vocab, max(seq, 512), causal).to(DEVICE)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True, capturable=True)
    tokens = torch.randint(0, vocab, (batch, seq), device=DEVICE)
    labels = torch.randint(0, vocab, (batch, seq), device=DEVICE)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16):
            loss = F.cross_entropy(net(tokens).flatten(0, 1), labels.flatten())
        loss.backward()
        optimizer.step()
        return loss
    return step


def infer_transformer(batch, seq, width, heads, layers, vocab):
    net = Transformer(width, heads, layers, vocab, 512, False, dropout=0.0).half().eval().to(DEVICE)
    tokens = torch.randint(0, vocab, (batch, seq), device=DEVICE)

    def step():
        with torch.inference_mode():
            return net(tokens)
    return step


WORKLOADS = {
    "resnet50_infer_b1": lambda: resnet50(1),
    "resnet50_infer_b16": lambda: resnet50(16),
    "resnet50_train_b64": lambda: train_classifier("resnet50", 64),
    "vgg16_train_b32": lambda: train_classifier("vgg16", 32),
    "bert_large_infer_b1_s128": lambda: infer_transformer(1, 128, 1024, 16, 24, 30522),
    "bert_large_infer_b8_s384": lambda: infer_transformer(8, 384, 1024, 16, 24, 30522),
    "llama8l_prefill_b8_s2048": lambda: llama(8, 8, 2048),
    "gpt2_medium_train_b16_s1024": lambda: train_transformer(16, 1024, 1024, 16, 24, 50257, True),
    "llama8b_decode_b1_kv512": lambda: llama(32, 1, 1, cached=512),
    "llama8b_prefill_b1_s512": lambda: llama(32, 1, 512),
    "bert_base_train_b32_s128": lambda: train_transformer(32, 128, 768, 12, 12, 30522, False),
}


def capture(step, warmups=3, priority=0):
    """Captures one iteration in a CUDA graph that keeps its nodes; returns (graph, stream)."""
    stream = torch.cuda.Stream(priority=priority)
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(warmups):
            step()
    stream.synchronize()
    graph = torch.cuda.CUDAGraph(keep_graph=True)
    mark = torch.zeros(1, device=DEVICE)
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        mark.add_(1)  # node 0: its completion is the start of node 1
        graph.output = step()
    return graph, stream
